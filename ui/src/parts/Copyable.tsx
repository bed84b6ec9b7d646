// Text that is copied by a click: ids, commands.
import { UnstyledButton } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';

export function Copyable({ text, label = 'Copy', shown }: { text: string; label?: string; shown?: string }) {
  const { copy, copied } = useClipboard({ timeout: 1500 });
  return (
    <UnstyledButton className="copyable" onClick={() => copy(text)} title={text}>
      <span className="sr-only">{label}: </span>
      <code>{shown ?? text}</code>
      <span aria-live="polite" className="small">
        {copied ? (
          'Copied'
        ) : (
          <svg width="12" height="12" viewBox="0 0 12 12" fill="none" stroke="currentColor" aria-hidden="true">
            <rect x="3.500" y="3.500" width="7" height="7" rx="1.500" />
            <path d="M8.500 1.500h-6a1 1 0 0 0-1 1v6" />
          </svg>
        )}
      </span>
    </UnstyledButton>
  );
}
