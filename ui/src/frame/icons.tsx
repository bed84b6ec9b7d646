// The frame's signs: 20 px, drawn by hand, in the text's colour.
import type { ReactNode } from 'react';

const icon = (children: ReactNode) => (
  <svg
    width="20"
    height="20"
    viewBox="0 0 20 20"
    fill="none"
    stroke="currentColor"
    strokeWidth="1.5"
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
  >
    {children}
  </svg>
);

export const icons = {
  workflows: icon(
    <>
      <rect x="3" y="3" width="6" height="5" rx="1.5" />
      <rect x="11" y="12" width="6" height="5" rx="1.5" />
      <path d="M6 8v3.5a3 3 0 0 0 3 3h2" />
    </>,
  ),
  executions: icon(
    <>
      <circle cx="10" cy="10" r="7" />
      <path d="M8.5 7.2v5.6l4.4-2.8z" />
    </>,
  ),
  events: icon(<path d="M11 2.5 4.5 11H10l-1 6.5L15.500 9H10z" />),
  campaigns: icon(
    <>
      <path d="M3 8.500v3l9 3.500V5z" />
      <path d="M15 8a3 3 0 0 1 0 4M5.500 12.500l1 4h2l-.8-3" />
    </>,
  ),
  templates: icon(
    <>
      <rect x="2.500" y="4.500" width="15" height="11" rx="2" />
      <path d="m3 6 7 5 7-5" />
    </>,
  ),
  health: icon(<path d="M2.500 10.500h3.500l2-5 3.500 9 2-4h4" />),
  settings: icon(
    <>
      <path d="M3 6h8M15 6h2M3 14h2M9 14h8" />
      <circle cx="13" cy="6" r="2" />
      <circle cx="7" cy="14" r="2" />
    </>,
  ),
  search: icon(
    <>
      <circle cx="9" cy="9" r="5.500" />
      <path d="m13.200 13.200 3.800 3.800" />
    </>,
  ),
  theme: icon(
    <>
      <circle cx="10" cy="10" r="6.500" />
      <path d="M10 3.500v13a6.500 6.500 0 0 0 0-13z" fill="currentColor" stroke="none" />
    </>,
  ),
};
export type IconName = keyof typeof icons;
