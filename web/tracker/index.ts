import { start, type Page } from './tracker';

start(window as Page, (document.currentScript as HTMLElement | null) ?? document.querySelector<HTMLElement>('script[data-key]'));
