// Mantine in the studio's own colours: they come from tokens.css, so that light and dark are one place.
import { createTheme, type CSSVariablesResolver } from '@mantine/core';

const accent = ['#edf0fd', '#d8dffb', '#afbdf6', '#8aa2ff', '#6d86ee', '#4f6ce2', '#3b5bdb', '#314dbf', '#2941a3', '#203485'] as const;

export const theme = createTheme({
  primaryColor: 'accent',
  colors: { accent },
  primaryShade: { light: 6, dark: 3 },
  autoContrast: true,
  fontFamily: 'var(--sans)',
  fontFamilyMonospace: 'var(--mono)',
  defaultRadius: 8,
  fontSizes: { xs: '12px', sm: '13px', md: '13px', lg: '15px', xl: '20px' },
  respectReducedMotion: true,
  focusRing: 'auto',
  components: { Button: { defaultProps: { size: 'compact-md', variant: 'filled' } } },
});

/** Mantine's own variables, told in ours. */
export const variables: CSSVariablesResolver = () => {
  const both = {
    '--mantine-color-body': 'var(--panel)',
    '--mantine-color-text': 'var(--ink)',
    '--mantine-color-dimmed': 'var(--quiet)',
    '--mantine-color-default': 'var(--panel)',
    '--mantine-color-default-hover': 'var(--hover)',
    '--mantine-color-default-color': 'var(--ink)',
    '--mantine-color-default-border': 'var(--line)',
    '--mantine-color-placeholder': 'var(--quiet)',
    '--mantine-color-error': 'var(--failed)',
  };
  return { variables: {}, light: both, dark: both };
};

/** The number that the page's policy lets styles in by. */
export const styleNonce = () => document.querySelector<HTMLMetaElement>('meta[name=style-nonce]')?.content ?? '';
