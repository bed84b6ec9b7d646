// An editor of templates: colours, completion, faults underlined where they are. Its styles come in by the page's number.
import { defaultHighlightStyle, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { html } from '@codemirror/lang-html';
import { jinja } from '@codemirror/lang-jinja';
import { type Diagnostic, setDiagnostics } from '@codemirror/lint';
import { EditorState, Prec } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import CodeMirror, { type ReactCodeMirrorRef } from '@uiw/react-codemirror';
import { useEffect, useMemo, useRef } from 'react';
import { styleNonce } from '@/theme';

export interface Fault {
  message: string;
  /** What of the text it is about, if that is known. */ about?: string | undefined;
}
export interface CodeProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  language: 'html' | 'text';
  /** What stands there from the beginning, for completion. */
  known?: readonly string[];
  fault?: Fault | undefined;
  isLine?: boolean;
  isReadOnly?: boolean;
}

const look = EditorView.theme({
  '&': { backgroundColor: 'var(--panel)', color: 'var(--ink)', fontSize: '12px', height: '100%' },
  '&.cm-focused': { outline: 'none' },
  '.cm-content': { fontFamily: 'var(--mono)', lineHeight: '18px', padding: '10px 0', caretColor: 'var(--ink)' },
  '.cm-scroller': { fontFamily: 'var(--mono)', overflow: 'auto' },
  '.cm-line': { padding: '0 12px' },
  '.cm-gutters': { backgroundColor: 'var(--panel)', color: 'var(--quiet)', borderRight: '1px solid var(--line)' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'transparent' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--accent-soft)',
  },
  '.cm-tooltip': { backgroundColor: 'var(--panel)', color: 'var(--ink)', border: '1px solid var(--line)', borderRadius: '6px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--hover)', color: 'var(--ink)' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--failed-mark)' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--failed-mark)', textUnderlineOffset: '3px' },
});

const colours = HighlightStyle.define([
  { tag: [tags.tagName, tags.keyword], color: 'var(--trigger)' },
  { tag: [tags.attributeName, tags.propertyName], color: 'var(--control)' },
  { tag: [tags.string, tags.attributeValue], color: 'var(--action)' },
  { tag: [tags.brace, tags.definitionKeyword, tags.variableName, tags.operatorKeyword], color: 'var(--accent)' },
  { tag: tags.comment, color: 'var(--quiet)', fontStyle: 'italic' },
]);

/** Where a fault is, as far as that is known: what it is about, else all. */
export function placed(fault: Fault, text: string): Diagnostic[] {
  const at = fault.about ? text.indexOf(fault.about) : -1;
  const [from, to] = at < 0 ? [0, text.length] : [at, at + (fault.about?.length ?? 0)];
  return at < 0 ? [] : [{ from, to, severity: 'error', message: fault.message }];
}

const oneLine = EditorState.transactionFilter.of((change) => (change.newDoc.lines > 1 ? [] : change));

export function Code({ label, value, onChange, language, known = [], fault, isLine = false, isReadOnly = false }: CodeProps) {
  const editor = useRef<ReactCodeMirrorRef>(null);
  const names = known.join(' ');
  const extensions = useMemo(
    () => [
      EditorView.cspNonce.of(styleNonce()),
      jinja({
        ...(language === 'html' ? { base: html() } : {}),
        variables: names
          .split(' ')
          .filter(Boolean)
          .map((name) => ({ label: name, type: 'variable' })),
      }),
      Prec.high(syntaxHighlighting(colours)),
      syntaxHighlighting(defaultHighlightStyle, { fallback: true }),
      look,
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': label }),
      ...(isLine ? [oneLine] : []),
    ],
    [language, names, label, isLine],
  );
  useEffect(() => {
    const view = editor.current?.view;
    if (view) view.dispatch(setDiagnostics(view.state, fault ? placed(fault, view.state.doc.toString()) : []));
  }, [fault, value]);
  return (
    <CodeMirror
      ref={editor}
      className={`code ${isLine ? 'is-line' : ''}`}
      value={value}
      onChange={onChange}
      extensions={extensions}
      theme="none"
      readOnly={isReadOnly}
      height="100%"
      basicSetup={{
        lineNumbers: !isLine,
        foldGutter: false,
        highlightActiveLine: false,
        highlightActiveLineGutter: false,
        searchKeymap: !isLine,
        highlightSelectionMatches: false,
      }}
    />
  );
}
