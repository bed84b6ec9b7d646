// The value of a rule: money as one writes it (it is kept in minor units), all else as react-querybuilder has it.
import { useState } from 'react';
import { ValueEditor, type ValueEditorProps } from 'react-querybuilder';

export const major = (value: unknown): string => (typeof value === 'number' && Number.isInteger(value) ? (value / 100).toFixed(2) : value === undefined || value === null ? '' : String(value));

/** "100" and "99.50" as minor units; what is no amount stays as it is typed, for the compiler says so. */
export function minor(typed: string): number | string {
  const amount = /^\s*(-?)(\d+)(?:[.,](\d{0,2}))?\s*$/.exec(typed);
  if (!amount) return typed;
  const units = Number(amount[2]) * 100 + Number((amount[3] ?? '').padEnd(2, '0'));
  return amount[1] ? -units : units;
}

export function RuleValue(props: ValueEditorProps) {
  const { fieldData, value, handleOnChange, operator, valueSource, title } = props;
  const isMoney = (fieldData as { isMoney?: boolean }).isMoney && valueSource !== 'field' && !['null', 'notNull', 'isEmpty', 'changed'].includes(operator);
  if (!isMoney) return <ValueEditor {...props} />;
  if (!['in', 'notIn', 'between', 'notBetween'].includes(operator)) return <Amount label={title ?? 'Value'} value={value} set={handleOnChange} />;
  const all: unknown[] = Array.isArray(value) ? value : value === '' || value === undefined ? [] : [value];
  const count = operator.endsWith('etween') ? 2 : all.length + 1;
  return (
    <span className="amounts">
      {Array.from({ length: count }, (_, at) => (
        <Amount key={at} label={`Value ${at + 1}`} value={all[at]} set={(next) => handleOnChange(changed(all, at, next, count === 2 && operator.endsWith('etween')))} />
      ))}
    </span>
  );
}

function changed(all: unknown[], at: number, next: unknown, isPair: boolean): unknown[] {
  const after = [...all];
  after[at] = next;
  return isPair ? [after[0] ?? '', after[1] ?? ''] : after.filter((one) => one !== '' && one !== undefined);
}

function Amount({ label, value, set }: { label: string; value: unknown; set: (value: unknown) => void }) {
  const [typed, setTyped] = useState<string>();
  return (
    <input className="input rule-value" inputMode="decimal" aria-label={label} placeholder="100.00" value={typed ?? major(value)} onBlur={() => setTyped(undefined)}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        set(minor(event.currentTarget.value));
      }} />
  );
}
