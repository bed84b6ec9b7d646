import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const daemon = process.env.THENDO_URL ?? 'http://127.0.0.1:7878';
const asked = ['/api', '/enter', '/status', '/metrics', '/style.css'];

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: { host: '127.0.0.1', port: 7979, strictPort: true, proxy: Object.fromEntries(asked.map((path) => [path, daemon])) },
  build: {
    target: 'es2022',
    manifest: 'manifest.json',
    // Nothing is put into the page itself: its policy lets only files in.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  test: { environment: 'happy-dom', include: ['src/**/*.test.{ts,tsx}'] },
});
