import type { Messages } from './core';
import { en } from './en';
export const ru: Messages = { ...en };
