/** Stands between a client and the server: the first request that brings events is answered with 503. */
import { createServer, request } from 'node:http';

/** Requests that bring no events of their own: settings, flags, statistics. */
const aside = /^\/(flags|decide|array|v1\/m|v1\/projects|s)(\/|\?|$)/;

export async function proxy(target) {
  const { hostname, port } = new URL(target);
  const seen = [];
  let refused = 0;
  const server = createServer((incoming, outgoing) => {
    const chunks = [];
    incoming.on('data', (chunk) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      const brings = incoming.method !== 'OPTIONS' && !aside.test(incoming.url);
      if (brings && refused === 0) {
        refused = 1;
        const origin = incoming.headers.origin;
        // A load balancer in front of a server that is being restarted.
        outgoing.writeHead(503, { 'content-type': 'text/plain', ...(origin && { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' }) });
        outgoing.end('no server is available');
        return;
      }
      const onward = request({ hostname, port, path: incoming.url, method: incoming.method, headers: incoming.headers }, (answer) => {
        if (brings) seen.push({ path: incoming.url, status: answer.statusCode, headers: incoming.headers });
        outgoing.writeHead(answer.statusCode, answer.headers);
        answer.pipe(outgoing);
      });
      onward.on('error', () => outgoing.destroy());
      onward.end(body);
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port: own } = server.address();
  return {
    url: `http://127.0.0.1:${own}`,
    /** Requests that reached the server. */
    seen,
    refused: () => refused,
    close: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
