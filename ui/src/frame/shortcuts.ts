// Keys that work everywhere, unless one is typing.
import { useEffect } from 'react';

export interface Shortcuts {
  [keys: string]: () => void;
}

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** `'/'`, `'g w'` (one after the other within a second), `'mod+k'` (also while typing). */
export function useShortcuts(shortcuts: Shortcuts) {
  useEffect(() => {
    let before = '';
    let since = 0;
    const press = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && !event.altKey) {
        const run = shortcuts[`mod+${event.key.toLowerCase()}`];
        if (run) {
          event.preventDefault();
          run();
        }
        return;
      }
      if (event.altKey || event.defaultPrevented || isTyping(event.target)) return;
      const two = event.timeStamp - since < 1000 ? `${before} ${event.key}` : '';
      const run = shortcuts[two] ?? shortcuts[event.key];
      before = event.key;
      since = event.timeStamp;
      if (run) {
        event.preventDefault();
        run();
      }
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [shortcuts]);
}
