// A template or an expression: coloured, completed by what is in scope, and what it gives for a real event below.
import { autocompletion, type Completion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { jinja } from '@codemirror/lang-jinja';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorState, type Extension, RangeSetBuilder } from '@codemirror/state';
import { Decoration, EditorView, tooltips } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import CodeMirror from '@uiw/react-codemirror';
import { useMemo, useState } from 'react';
import { styleNonce } from '@/theme';
import { fieldOf } from '../checking';
import { useDrawing, useEdited } from '../state';
import { useLook } from './looking';
import { type Part, useForm } from './SchemaForm';
import { FILTERS, type Named } from './scope';

const colours = HighlightStyle.define([
  { tag: [tags.variableName, tags.propertyName], color: 'var(--accent)' }, { tag: [tags.string, tags.attributeValue], color: 'var(--succeeded)' },
  { tag: tags.number, color: 'var(--condition)' }, { tag: [tags.keyword, tags.operator, tags.tagName], color: 'var(--trigger)' }, { tag: [tags.brace, tags.punctuation], color: 'var(--quiet)' },
]);
const look = EditorView.theme({
  '&': { fontSize: '12px', backgroundColor: 'var(--panel)', color: 'var(--ink)' }, '&.cm-focused': { outline: 'none' }, '.cm-content': { fontFamily: 'var(--mono)', padding: '6px 0', caretColor: 'var(--ink)' },
  '.cm-line': { padding: '0 9px' }, '.cm-cursor': { borderLeftColor: 'var(--ink)' }, '.cm-scroller': { maxHeight: '320px', overflow: 'auto', lineHeight: '18px' },
  '.cm-tooltip': { border: '1px solid var(--line)', borderRadius: '8px', backgroundColor: 'var(--panel)', color: 'var(--ink)', boxShadow: 'var(--shadow)' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--accent-soft)', color: 'var(--ink)' }, '.cm-completionDetail': { color: 'var(--quiet)', fontStyle: 'normal', marginLeft: '12px' },
  '.cm-fault': { textDecoration: 'underline wavy var(--failed-mark)', textUnderlineOffset: '3px' }, '.cm-completionIcon': { display: 'none' },
});

/** Whether the place lies between braces, where names mean something. */
export function isWithin(text: string, mode: 'template' | 'expression'): boolean {
  if (mode === 'expression') return true;
  const [open, shut] = [Math.max(text.lastIndexOf('{{'), text.lastIndexOf('{%')), Math.max(text.lastIndexOf('}}'), text.lastIndexOf('%}'))];
  return open > shut;
}

export function completions(scope: readonly Named[], mode: 'template' | 'expression') {
  const filters: Completion[] = FILTERS.map(([label, detail]) => ({ label, detail, type: 'function' }));
  const names: Completion[] = scope.map((one) => ({ label: one.path, detail: one.about ? `${one.type} · ${one.about}` : one.type, type: 'variable' }));
  return (context: CompletionContext): CompletionResult | null => {
    const before = context.state.doc.sliceString(Math.max(0, context.pos - 2000), context.pos);
    if (!isWithin(before, mode)) return null;
    const filter = /\|\s*(\w*)$/.exec(before);
    if (filter) return { from: context.pos - (filter[1]?.length ?? 0), options: filters, validFor: /^\w*$/ };
    const word = /[\w."[\]-]*$/.exec(before)?.[0] ?? '';
    if (!word && !context.explicit && !/\{\{\s*$/.test(before)) return null;
    return { from: context.pos - word.length, options: names, validFor: /^[\w."[\]-]*$/ };
  };
}

/** What a diagnostic is about, as it stands in the text: `order` has no field `totl` → order.totl. */
export function meant(message: string): string {
  const field = /`([\w.]+)` has no field `(\w+)`/.exec(message);
  return field ? `${field[1]}.${field[2]}` : (/`([^`]+)`/.exec(message)?.[1] ?? '');
}

/** The names that a diagnostic quotes are underlined where they stand. */
function underlined(quoted: readonly string[]): Extension {
  const mark = Decoration.mark({ class: 'cm-fault' });
  return EditorView.decorations.compute(['doc'], (state) => {
    const builder = new RangeSetBuilder<Decoration>();
    const text = state.doc.toString();
    const places = quoted.flatMap((name) => [...text.matchAll(new RegExp(`(?<![\\w.])${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?!\\w)`, 'g'))].map((found) => [found.index, found.index + name.length] as const));
    if (quoted.length > 0 && places.length === 0 && text.length > 0) places.push([0, text.length]);
    let end = -1;
    for (const [from, to] of places.sort((one, other) => one[0] - other[0])) {
      if (from < end) continue;
      builder.add(from, to, mark);
      end = to;
    }
    return builder.finish();
  });
}

const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value)) ?? '';

export function TextField({ part, mode, content }: { part: Part; mode: 'template' | 'expression'; content: string }) {
  const { id, scope, diagnostics, catalogue } = useForm();
  const drawing = useDrawing();
  const event = useEdited((state) => state.event);
  const [isFocused, setFocused] = useState(false);
  const text = typeof part.value === 'string' ? part.value : part.value === undefined || part.value === null ? '' : JSON.stringify(part.value);
  const own = useMemo(() => diagnostics.filter((one) => one.severity === 'error' && (fieldOf(one) ?? '').replace(/^$/, '\0') === part.path), [diagnostics, part.path]);
  const quoted = own.map((one) => meant(one.message)).join('\n');
  const isLong = content === 'html' || part.label === 'Text' || part.label === 'Body';
  const extensions = useMemo(() => [
    jinja(), syntaxHighlighting(colours), look, EditorView.cspNonce.of(styleNonce()), EditorView.lineWrapping, tooltips({ position: 'fixed' }),
    autocompletion({ override: [completions(scope, mode)], icons: false }), underlined(own.length > 0 ? quoted.split('\n') : []), EditorView.contentAttributes.of({ 'aria-label': part.label, id: part.id }),
    ...(isLong ? [] : [EditorState.transactionFilter.of((change) => (change.newDoc.lines > 1 ? [] : change))]),
  ], [scope, mode, own.length, quoted, part.label, part.id, isLong]);
  const set = (next: string) => {
    const isNumber = typeof part.value === 'number' || part.schema.type === undefined;
    part.set(next === '' ? undefined : isNumber && /^-?\d+$/.test(next) ? Number(next) : next);
  };
  const isTemplate = mode === 'expression' ? text.trim() !== '' : /\{[{%]/.test(text);
  const asked = isTemplate && (isFocused || mode === 'expression') ? (mode === 'expression' ? `{{ ${text} }}` : text) : '';
  // What the compiler finds wrong has no value; it is asked once it has looked.
  const isChecked = useEdited((state) => state.checked === state.history.present);
  const looked = useLook(drawing, catalogue, id, isChecked && own.length === 0 ? asked : '', event);
  return (
    <>
      <div className={`code${isLong ? ' is-long' : ''}`} onFocus={() => setFocused(true)} onBlur={() => setFocused(false)}>
        <CodeMirror value={text} onChange={set} extensions={extensions} theme="none" indentWithTab={false}
          basicSetup={{ lineNumbers: false, foldGutter: false, highlightActiveLine: false, highlightActiveLineGutter: false, autocompletion: false, searchKeymap: false, syntaxHighlighting: false, bracketMatching: true, closeBrackets: true }} />
      </div>
      {asked && event && looked.data && ('value' in looked.data
        ? <p className="looked" aria-live="polite"><span className="quiet">for this event</span> <output>{shown(looked.data.value).slice(0, 400) || 'nothing'}</output></p>
        : looked.data.why && own.length === 0 ? <p className="looked quiet" aria-live="polite">{looked.data.why}</p> : null)}
    </>
  );
}
