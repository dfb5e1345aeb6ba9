import { defineConfig } from 'vitest/config';
import react from '@vitejs/plugin-react';

/** Where the development server finds the API; the stand-in takes its place with `--mode stand-in`. */
const api = process.env.BURGEON_URL ?? 'http://127.0.0.1:8090';

export default defineConfig(async ({ mode }) => ({
  plugins: [react(), ...(mode === 'stand-in' ? [(await import('./dev/stand-in.ts')).standIn()] : [])],
  server: { host: '127.0.0.1', port: 5173, proxy: mode === 'stand-in' ? undefined : { '/api': { target: api } } },
  build: {
    target: 'es2022',
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'], environment: 'node' },
}));
