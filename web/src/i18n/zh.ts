import type { Messages } from './core';
import { en } from './en';
export const zh: Messages = { ...en };
