// The editor's keys. They are the page's, unless one is typing or something lies over it.
import { useEffect } from 'react';
import { act, focusOn } from './acts';
import { useEditor } from './state';

export interface Panels {
  testRun: () => void;
  publish: () => void;
  close: () => boolean;
}

const isElsewhere = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) ||
    target.closest('[role=dialog], [role=menu], .cm-editor') !== null);

export function useEditorKeys(panels: Panels) {
  const editor = useEditor();
  useEffect(() => {
    const withMod: Record<string, () => unknown> = {
      z: () => editor.getState().undo(),
      Z: () => editor.getState().redo(),
      y: () => editor.getState().redo(),
      a: () => act.all(editor),
      c: () => (window.getSelection()?.toString() ? false : act.copy(editor)),
      v: () => act.paste(editor),
      g: () => act.group(editor),
    };
    // Who clicks where nothing is focuses what is around the graph.
    const onCanvas = (target: EventTarget | null) =>
      target instanceof HTMLElement && (target.closest('.graph') !== null || target.querySelector('.graph') !== null);
    const press = (event: KeyboardEvent) => {
      if (event.key === 'Escape') {
        if (!isElsewhere(event.target) || (event.target as HTMLElement).closest('.inspector, .drawer')) {
          const { adding, opened, set, choose } = editor.getState();
          if (adding) set({ adding: undefined });
          else if (opened) set({ opened: undefined });
          else if (!panels.close()) choose([]);
          const [id] = editor.getState().chosen;
          focusOn(id);
        }
        return;
      }
      if (event.defaultPrevented || isElsewhere(event.target)) return;
      if (event.metaKey || event.ctrlKey) {
        const run = withMod[event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase()];
        if (run && run() !== false) event.preventDefault();
        return;
      }
      if (event.altKey) return;
      if (event.key.startsWith('Arrow') && onCanvas(event.target)) act.walk(editor, event.key);
      else if (event.key === 'Enter' && onCanvas(event.target) && (event.target as HTMLElement).tagName !== 'BUTTON') {
        const [id] = editor.getState().chosen;
        if (!id) return;
        editor.getState().open(id);
        setTimeout(() => document.querySelector<HTMLElement>('.inspector input, .inspector .cm-content')?.focus(), 50);
      } else if ((event.key === 'Delete' || event.key === 'Backspace') && onCanvas(event.target)) act.remove(editor);
      else if (event.key === 't') panels.testRun();
      else if (event.key === 'p') panels.publish();
      else return;
      event.preventDefault();
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [editor, panels]);
}
