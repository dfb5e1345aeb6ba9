import { defineConfig } from 'vite';

/** The tracker that customers' sites load: one file beside the page, without imports. */
export default defineConfig({
  root: import.meta.dirname,
  publicDir: false,
  logLevel: 'warn',
  build: {
    target: 'es2021',
    outDir: '../dist',
    emptyOutDir: false,
    reportCompressedSize: false,
    lib: { entry: 'index.ts', formats: ['iife'], name: 'b', fileName: () => 'burgeon.js' },
  },
});
