/** One demo company for all specs that only look, or whose traces do not disturb the others. */
import { start } from './server';

/** Enough people for every page to have figures, few enough for a busy machine and a build that is not optimised. */
const DEMO = ['--customers', '1000', '--events', '100000', '--seed', '7', '--live', 'off'];

export default async function setup(): Promise<() => Promise<void>> {
  // A page that is already served is taken as it is.
  if (process.env.BURGEON_URL) {
    process.env.BURGEON_DEMO = process.env.BURGEON_URL;
    return async () => {};
  }
  const server = await start((listen) => ['demo', ...DEMO, '--listen', listen]);
  process.env.BURGEON_DEMO = server.url;
  return server.stop;
}

/** Where the company is served; workers inherit it from the set-up. */
export const demo = (): string => {
  const url = process.env.BURGEON_DEMO;
  if (!url) throw new Error('the demo company is not served: global.ts starts it before the first spec');
  return url;
};
