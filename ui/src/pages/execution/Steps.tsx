// The steps in the order in which they happened: what each saw and why it did so; opened, what it changed and gave.
import { useState } from 'react';
import type { Schemas } from '@/api/client';
import { RowChange, shown } from '@/parts/RowChange';
import { shapeOf, toneOf } from '@/parts/Status';
import { absolute, useZone } from '@/parts/time';

type Step = Schemas['Step'];
type Input = Schemas['StepInput'];

const isOf = (step: Step) => (input: Input) => input.node === step.node && String(input.item ?? []) === String(step.item ?? []);

export function Steps({
  steps,
  labels,
  chosen,
  choose,
  inputs,
  leftOut,
}: {
  steps: readonly Step[];
  labels: Map<string, string>;
  chosen: string | undefined;
  choose: (node: string) => void;
  /** What each read, where that was noted. */
  inputs?: readonly Input[] | undefined;
  leftOut?: Schemas['LeftOut'] | null | undefined;
}) {
  const [areSkippedShown, setSkippedShown] = useState(false);
  const skipped = steps.filter((step) => step.outcome === 'skipped').length;
  const shown = areSkippedShown ? steps : steps.filter((step) => step.outcome !== 'skipped' || step.node === chosen);
  return (
    <section className="aside-part">
      <div className="row">
        <h2 className="grow">Steps</h2>
        {skipped > 0 && (
          <button
            type="button"
            className="text-button small"
            aria-pressed={areSkippedShown}
            onClick={() => setSkippedShown(!areSkippedShown)}
          >
            {areSkippedShown ? 'Hide' : 'Show'} {skipped} skipped
          </button>
        )}
      </div>
      <ol className="steps">
        {shown.map((step, at) => (
          <One
            key={`${step.node}-${at}`}
            step={step}
            input={inputs?.findLast(isOf(step))}
            label={labels.get(step.node) ?? step.node}
            isChosen={step.node === chosen}
            choose={() => choose(step.node)}
          />
        ))}
      </ol>
      {leftOut && (leftOut.steps > 0 || leftOut.contents > 0) && (
        <p className="quiet small">
          This execution is very long: {leftOut.steps > 0 && `${leftOut.steps} of its last steps are not shown here`}
          {leftOut.steps > 0 && leftOut.contents > 0 && '; '}
          {leftOut.contents > 0 && `of ${leftOut.contents} steps what they gave and changed is left out`}.{' '}
          <code>thendo executions show</code> has all.
        </p>
      )}
    </section>
  );
}

interface OneProps {
  step: Step;
  input: Input | undefined;
  label: string;
  isChosen: boolean;
  choose: () => void;
}

function One({ step, input, label, isChosen, choose }: OneProps) {
  const zone = useZone((state) => state.zone);
  const items = step.item?.map((one) => `#${one + 1}`).join(' ');
  return (
    <li className={`step is-${toneOf(step.outcome)}${isChosen ? ' is-chosen' : ''}`}>
      <span className="mark" aria-hidden="true">
        {shapeOf(step.outcome)}
      </span>
      <div className="grow">
        <button type="button" className="step-head" aria-expanded={isChosen} onClick={choose}>
          <span className="step-label">
            {label}
            {items && <span className="quiet"> {items}</span>}
          </span>
          <span className="sr-only">{step.outcome}</span>
          {step.branch && <span className="pill">{step.branch}</span>}
          {step.attempt != null && step.attempt > 1 && <span className="pill">attempt {step.attempt}</span>}
        </button>
        {step.why && <p className="quiet">{step.why}</p>}
        {isChosen && (
          <div className="step-more">
            <p className="quiet small">{absolute(new Date(step.at), zone)}</p>
            {input && <Read values={input.values} />}
            {step.changes?.map((change, at) => (
              <RowChange key={at} table={change.table} before={change.before} after={change.after} />
            ))}
            {step.result != null ? <Data label="Result" value={step.result} /> : null}
          </div>
        )}
      </div>
    </li>
  );
}

function Read({ values }: { values: Input['values'] }) {
  return (
    <table className="changed">
      <caption>Read</caption>
      <tbody>
        {Object.entries(values).map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{shown(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Data({ label, value }: { label: string; value: unknown }) {
  return (
    <pre className="data" aria-label={label} tabIndex={0} role="group">
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}
