// What would come of it: rows before and after, mails as they would look, requests, waits, other workflows.
import { useState } from 'react';
import { Link } from 'wouter';
import { Data } from '@/pages/execution/Steps';
import { absolute, useZone } from '@/parts/time';
import type { Report } from './running';

type Row = Report['changes'][number];
interface Mail {
  node: string;
  kind: string;
  to?: string;
  subject?: string;
  text?: string;
  html?: string;
  mail_headers?: Record<string, string>;
  [key: string]: unknown;
}

const said = (value: unknown) =>
  value === undefined || value === null ? '–' : typeof value === 'object' ? JSON.stringify(value) : String(value);

export function Would({ report, labels }: { report: Report; labels: Map<string, string> }) {
  const zone = useZone((state) => state.zone);
  return (
    // Reached by keys, so that it can be scrolled by them.
    <div className="would" role="region" aria-label="What would come of it" tabIndex={0}>
      {report.warnings.map((one) => (
        <p key={one} className="quiet small">
          {one.charAt(0).toUpperCase() + one.slice(1)}.
        </p>
      ))}
      {(report.deliveries as unknown as Mail[]).map((one, at) => (
        <Delivery key={at} one={one} label={labels.get(one.node) ?? one.node} />
      ))}
      {report.changes.length > 0 && (
        <section>
          <h3>Rows</h3>
          {report.changes.map((one, at) => (
            <Changed key={at} row={one} />
          ))}
        </section>
      )}
      {report.would_start.length > 0 && (
        <section>
          <h3>Would start</h3>
          <ul>
            {report.would_start.map((one) => (
              <li key={one.id}>
                <Link className="link" href={`/workflows/${one.id}`}>
                  {one.workflow}
                </Link>{' '}
                <span className="quiet small">
                  {one.event.replaceAll('_', ' ')}, by {one.table}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {report.timers.length > 0 && (
        <section>
          <h3>Waits</h3>
          <ul>
            {report.timers.map((one, at) => (
              <li key={at}>
                {labels.get(one.node) ?? one.node} <span className="quiet small">until {absolute(new Date(one.until), zone)}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function Changed({ row }: { row: Row }) {
  const [before, after] = [(row.before ?? {}) as Record<string, unknown>, (row.after ?? {}) as Record<string, unknown>];
  return (
    <table className="changed">
      <caption>
        {row.before ? (row.after ? 'Changes' : 'Deletes') : 'Adds'} a row of <code>{row.table}</code>
      </caption>
      <thead>
        <tr>
          <th scope="col">Column</th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
        </tr>
      </thead>
      <tbody>
        {[...new Set([...Object.keys(before), ...Object.keys(after)])].map((column) => (
          <tr key={column}>
            <th scope="row">{column}</th>
            <td>{row.before ? <del>{said(before[column])}</del> : ''}</td>
            <td>{row.after ? <ins>{said(after[column])}</ins> : ''}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const VIEWS = { html: 'As it looks', text: 'Text', headers: 'Headers' } as const;

function Delivery({ one, label }: { one: Mail; label: string }) {
  const [view, setView] = useState<keyof typeof VIEWS>(one.html ? 'html' : 'text');
  if (one.kind === 'http') {
    const { node: _node, kind: _kind, ...rest } = one;
    return (
      <section>
        <h3>Request of “{label}”</h3>
        <Data label="The request" value={rest} />
      </section>
    );
  }
  const views = (Object.keys(VIEWS) as (keyof typeof VIEWS)[]).filter((name) => name === 'headers' || one[name]);
  return (
    <section>
      <div className="row would-head">
        <h3 className="grow truncate">
          {one.kind === 'suppressed_email' ? 'Not sent, for it is suppressed' : 'Mail'} to {one.to}: {one.subject}
        </h3>
        <div className="tabs" role="group" aria-label="The mail">
          {views.map((name) => (
            <button key={name} type="button" aria-pressed={view === name} onClick={() => setView(name)}>
              {VIEWS[name]}
            </button>
          ))}
        </div>
      </div>
      {view === 'html' && one.html ? (
        <iframe className="mail" title="The mail as it looks" sandbox="" srcDoc={one.html} />
      ) : view === 'headers' ? (
        <pre className="data" tabIndex={0} role="group" aria-label="Headers">
          {Object.entries(one.mail_headers ?? {})
            .map(([name, value]) => `${name}: ${value}`)
            .join('\n')}
        </pre>
      ) : (
        <pre className="data" tabIndex={0} role="group" aria-label="The mail as plain text">
          {one.text}
        </pre>
      )}
    </section>
  );
}
