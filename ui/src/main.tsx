// Where the studio begins.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { styleNonce } from './theme';
import './mantine.css';
import './tokens.css';
import './parts/parts.css';
import './frame/frame.css';

// Who locks scrolling makes a style element, and asks for its number here.
Object.assign(globalThis, { __webpack_nonce__: styleNonce() });

const root = document.getElementById('root');
if (root)
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
