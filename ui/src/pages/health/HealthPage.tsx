// Whether it works: the queue, what waits, what failed, who works, the last alarms.
import { useQuery } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense } from 'react';
import { Link } from 'wouter';
import { get } from '@/api/client';
import { keys } from '@/api/keys';
import { TopLine } from '@/frame/TopLine';
import { Panel } from '@/parts/Panel';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { Status } from '@/parts/Status';
import { span } from '@/parts/time';
import { When } from '@/parts/When';
import { type Finding, findings, SILENT_MS } from './findings';
import './health.css';

const MOST = 1000;
/** They bring a library along: loaded after the words are there. */
const Plots = lazy(() => import('./Plots'));

export default function HealthPage() {
  const found = useQuery({ queryKey: keys.health, queryFn: () => get('/api/v1/health'), refetchInterval: 5000, staleTime: 1000 });
  if (found.error && !found.data)
    return (
      <>
        <TopLine title="Health" />
        <div className="page">
          <ProblemNote fault={found.error} retry={() => found.refetch()} />
        </div>
      </>
    );
  if (!found.data)
    return (
      <>
        <TopLine title="Health" />
        <div className="page">
          <Skeletons />
        </div>
      </>
    );
  const { figures, daemons, alarms, ready, version } = found.data;
  const state = found.error ? (
    <Status status="failed" label="No answer" />
  ) : ready ? (
    <Status status="ready" label="Running" />
  ) : (
    <Status status="failed" label="Not ready" />
  );
  return (
    <>
      <TopLine title="Health" state={state}>
        <span className="quiet small">thendo {version}</span>
      </TopLine>
      <div className="page narrow">
        <div className="stack">
          <Findings found={findings(found.data, Date.now())} />
          <ul className="figures" aria-label="Figures">
            <Figure
              label="In the queue"
              value={figures.due}
              help={figures.lag_s >= 1 ? `the oldest for ${span(figures.lag_s * 1000)}` : 'nothing is late'}
              tone={figures.lag_s > 60 ? 'failed' : undefined}
            />
            <Figure
              label="Executions waiting"
              value={figures.waiting}
              to="/executions?status=waiting"
              help="for a time, an event, an answer"
            />
            <Figure label="On their way" value={figures.deliveries} help="mails and requests" />
            <Figure
              label="Failed, untouched"
              value={figures.dead_letters}
              to="/executions/untouched"
              tone={figures.dead_letters > 0 ? 'failed' : undefined}
              help="nobody has tried them again"
            />
            <Figure
              label="Workflows held"
              value={figures.held}
              tone={figures.held > 0 ? 'waiting' : undefined}
              help="by the emergency stop"
            />
          </ul>
          <Suspense fallback={<Skeletons count={6} />}>
            <Plots daemons={daemons.length} />
          </Suspense>
          <Panel title={daemons.length === 1 ? '1 daemon works' : `${daemons.length} daemons work`} flush>
            <ul className="plain-list">
              {daemons.map((one) => {
                const isSilent = Date.now() - Date.parse(one.seen_at) > SILENT_MS;
                return (
                  <li key={one.id}>
                    <Status status={isSilent ? 'failed' : 'ready'} label={isSilent ? 'silent' : 'works'} />
                    <span className="grow truncate">
                      {one.host}{' '}
                      <span className="quiet small">
                        process {one.pid}, thendo {one.version}
                      </span>
                    </span>
                    <span className="quiet small">
                      since <When at={one.started_at} />
                    </span>
                  </li>
                );
              })}
            </ul>
          </Panel>
          <Panel title="Last alarms" flush>
            {alarms.length === 0 ? (
              <p className="quiet panel-body">
                None. When something goes wrong for longer, it is told here, and by mail to whom the setting <code>alerts.to</code> names.
              </p>
            ) : (
              <ul className="plain-list">
                {alarms.map((one) => (
                  <li key={one.id}>
                    <Status status="failed" label={one.kind.replaceAll('_', ' ')} />
                    <span className="grow">{one.message}</span>
                    <span className="quiet small">
                      <When at={one.happened_at} />
                    </span>
                  </li>
                ))}
              </ul>
            )}
          </Panel>
        </div>
      </div>
    </>
  );
}

function Findings({ found }: { found: readonly Finding[] }) {
  return (
    <Panel title={found.length === 0 ? 'All is well' : `${found.length} ${found.length === 1 ? 'thing' : 'things'} to look at`} flush>
      {found.length === 0 ? (
        <p className="quiet panel-body">Nothing is late, nothing failed untouched, nothing is held.</p>
      ) : (
        <ul className="plain-list" aria-label="Findings">
          {found.map((one) => (
            <li key={one.says}>
              <Status status={one.tone} quiet label={one.tone === 'failed' ? 'wrong' : 'to know'} />
              <div className="grow">
                <p>{one.says}</p>
                <p className="quiet small">{one.todo}</p>
              </div>
              {one.to && (
                <Link className="link" href={one.to.path}>
                  {one.to.label}
                </Link>
              )}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Figure({ label, value, help, to, tone }: { label: string; value: number; help: string; to?: string; tone?: string | undefined }) {
  const inside: ReactNode = (
    <>
      <span className="quiet small">{label}</span>
      <strong className={tone ? `tone-${tone}` : undefined}>{value >= MOST ? `${MOST}+` : value}</strong>
      <span className="quiet small">{help}</span>
    </>
  );
  return <li>{to ? <Link href={to}>{inside}</Link> : <div>{inside}</div>}</li>;
}
