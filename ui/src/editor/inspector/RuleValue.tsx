// The value of a rule by its field's type: money as one writes it (it is kept in minor units), numbers as numbers, lists one by one.
import { useState } from 'react';
import { ValueEditor, type ValueEditorProps, type ValueSelectorProps } from 'react-querybuilder';

interface Written {
  show: (value: unknown) => string;
  read: (typed: string) => unknown;
  mode: 'decimal' | 'text';
  hint?: string;
}
const plain = (value: unknown) =>
  value === undefined || value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);

export const major = (value: unknown): string =>
  typeof value === 'number' && Number.isInteger(value) ? (value / 100).toFixed(2) : plain(value);

/** "100" and "99.50" as minor units; what is no amount stays as it is typed, for the compiler says so. */
export function minor(typed: string): number | string {
  const amount = /^\s*(-?)(\d+)(?:[.,](\d{0,2}))?\s*$/.exec(typed);
  if (!amount) return typed;
  const units = Number(amount[2]) * 100 + Number((amount[3] ?? '').padEnd(2, '0'));
  return amount[1] ? -units : units;
}

const number = (typed: string): number | string => (/^\s*-?\d+(\.\d+)?\s*$/.test(typed) ? Number(typed) : typed);
const HOW: Record<string, Written> = {
  money: { show: major, read: minor, mode: 'decimal', hint: '100.00' },
  integer: { show: plain, read: number, mode: 'decimal' },
  number: { show: plain, read: number, mode: 'decimal' },
};
const TEXT: Written = { show: plain, read: (typed) => typed, mode: 'text' };
const MANY = new Set(['in', 'notIn', 'between', 'notBetween']);
const NONE = new Set(['null', 'notNull', 'isEmpty', 'changed']);

export function RuleValue(props: ValueEditorProps) {
  const { fieldData, value, handleOnChange, operator, valueSource, title } = props;
  if (valueSource === 'field' || NONE.has(operator)) return <ValueEditor {...props} />;
  const type = String((fieldData as { type?: unknown }).type ?? '');
  const how = HOW[type] ?? TEXT;
  const label = title ?? 'Value';
  if (type === 'boolean') {
    return (
      <select
        className="input rule-value"
        aria-label={label}
        value={plain(value)}
        onChange={(event) => handleOnChange(event.currentTarget.value === 'true')}
      >
        {plain(value) !== 'true' && plain(value) !== 'false' && <option value={plain(value)}>{plain(value) || 'choose'}</option>}
        <option value="true">true</option>
        <option value="false">false</option>
      </select>
    );
  }
  if (!MANY.has(operator)) return <One label={label} how={how} value={value} set={handleOnChange} />;
  const all: unknown[] = Array.isArray(value) ? value : value === '' || value === undefined ? [] : [value];
  const isPair = operator.endsWith('etween');
  return (
    <span className="amounts">
      {Array.from({ length: isPair ? 2 : all.length + 1 }, (_, at) => (
        <One
          key={at}
          label={`${label} ${at + 1}`}
          how={how}
          value={all[at]}
          set={(next) => handleOnChange(changed(all, at, next, isPair))}
        />
      ))}
    </span>
  );
}

function changed(all: unknown[], at: number, next: unknown, isPair: boolean): unknown[] {
  const after = [...all];
  after[at] = next;
  return isPair ? [after[0] ?? '', after[1] ?? ''] : after.filter((one) => one !== '' && one !== undefined);
}

function One({ label, how, value, set }: { label: string; how: Written; value: unknown; set: (value: unknown) => void }) {
  const [typed, setTyped] = useState<string>();
  return (
    <input
      className="input rule-value"
      inputMode={how.mode}
      aria-label={label}
      placeholder={how.hint}
      value={typed ?? how.show(value)}
      onBlur={() => setTyped(undefined)}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        set(how.read(event.currentTarget.value));
      }}
    />
  );
}

/** A choice with its name said. */
export function Chooser({ className, options, value, title, handleOnChange, disabled }: ValueSelectorProps) {
  return (
    <select
      className={className}
      aria-label={title}
      disabled={disabled}
      value={String(value ?? '')}
      onChange={(event) => handleOnChange(event.currentTarget.value)}
    >
      {(options as { name: string; label: string }[]).map((one) => (
        <option key={one.name} value={one.name}>
          {one.label}
        </option>
      ))}
    </select>
  );
}
