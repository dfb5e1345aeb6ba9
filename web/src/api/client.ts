/** One way to the server: JSON in and out, errors with the words of the server. */

export const BASE = '/api/v1';

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly mend: string | null = null,
  ) {
    super(message);
  }
}

let onUnauthorised: () => void = () => {};
/** What happens when the server asks for a token. */
export function whenUnauthorised(act: () => void): void {
  onUnauthorised = act;
}

export type Params = Record<string, string | number | boolean | string[] | null | undefined>;

/** `?a=1&b=2`, empty values left out, lists repeated. */
export function search(params: Params): string {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === '') continue;
    if (Array.isArray(value)) for (const item of value) out.append(key, item);
    else out.append(key, String(value));
  }
  // Commas and colons stay readable: these addresses are read and sent by people.
  const text = out.toString().replaceAll('%2C', ',').replaceAll('%3A', ':').replaceAll('%21', '!').replaceAll('%2F', '/').replaceAll('%7E', '~');
  return text ? `?${text}` : '';
}

async function fail(response: Response): Promise<never> {
  let body: { error?: { code?: string; message?: string; mend?: string | null } } = {};
  try {
    body = (await response.json()) as typeof body;
  } catch {
    // An answer that is not JSON is told by its status.
  }
  if (response.status === 401) onUnauthorised();
  const error = body.error ?? {};
  throw new ApiError(response.status, error.code ?? 'http', error.message ?? `HTTP ${response.status}`, error.mend ?? null);
}

export async function get<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  const response = await fetch(BASE + path + search(params), { signal: signal ?? null, headers: { accept: 'application/json' } });
  if (!response.ok) await fail(response);
  return (await response.json()) as T;
}

export async function send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body: unknown, params: Params = {}): Promise<T> {
  const form = body instanceof FormData;
  const response = await fetch(BASE + path + search(params), {
    method,
    headers: form ? { accept: 'application/json' } : { accept: 'application/json', 'content-type': 'application/json' },
    body: form ? body : body === undefined ? null : JSON.stringify(body),
  });
  if (!response.ok) await fail(response);
  const text = await response.text();
  return (text ? JSON.parse(text) : null) as T;
}
