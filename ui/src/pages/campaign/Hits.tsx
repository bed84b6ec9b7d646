// Who opened a campaign's mails and followed their links, over time; with what such figures are worth.
import { useQuery } from '@tanstack/react-query';
import { get } from '@/api/client';
import { keys } from '@/api/keys';
import { Lines } from '@/parts/Lines';
import { Panel } from '@/parts/Panel';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { span as spanWords } from '@/parts/time';
import { When } from '@/parts/When';
import { filled } from './audience';

/** While most of them come, and later. */
const [EVERY_MS, SELDOM_MS, FIRST_MS] = [3000, 60_000, 3_600_000];
const share = (count: number, of: number) => (of > 0 ? `${((count / of) * 100).toFixed(count > 0 && count / of < 0.1 ? 1 : 0)} %` : '–');
const whole = (value: number) => (Number.isInteger(value) ? String(value) : '');

export function Hits({ id, startedAt, sent }: { id: string; startedAt: string; sent: number }) {
  const found = useQuery({
    queryKey: [...keys.campaign(id), 'hits'],
    queryFn: () => get('/api/v1/campaigns/{campaign}/hits', { params: { path: { campaign: id } } }),
    refetchInterval: () => (Date.now() - Date.parse(startedAt) < FIRST_MS ? EVERY_MS : SELDOM_MS),
  });
  const title = 'Opened and followed';
  if (!found.data)
    return (
      <Panel title={title}>
        {found.error ? <ProblemNote fault={found.error} retry={() => found.refetch()} /> : <Skeletons count={4} />}
      </Panel>
    );
  const { opened, opened_by_proxy, clicked, links, course, span_s } = found.data;
  const slots = filled(course, span_s, Date.parse(startedAt) / 1000, Date.now() / 1000);
  return (
    <Panel title={title} flush>
      <ul className="hits" aria-label="Opened and followed">
        <li>
          <span className="quiet small">Followed a link</span>
          <strong>{clicked}</strong>
          <span className="quiet small">{share(clicked, sent)} of those it was sent to</span>
        </li>
        <li>
          <span className="quiet small">Opened it</span>
          <strong>{opened}</strong>
          <span className="quiet small">{share(opened, sent)}, as far as that can be known</span>
        </li>
        <li>
          <span className="quiet small">By programs only</span>
          <strong>{opened_by_proxy}</strong>
          <span className="quiet small">proxies and scanners</span>
        </li>
      </ul>
      <p className="panel-body caveat small">
        <strong>Opens say little.</strong> Apple, Google and Yahoo fetch pictures whether or not anybody looks; other mail programs never
        load them. Clicks are the better figure, and scanners that pose as browsers are among them.
      </p>
      {course.length > 0 && (
        <div className="panel-body hits-course">
          <p className="quiet small">
            For the first time each, in spans of {spanWords(span_s * 1000)}: <span className="legend-mark is-accent" aria-hidden="true" />{' '}
            opened, <span className="legend-mark is-succeeded" aria-hidden="true" /> followed a link
          </p>
          <Lines
            at={slots.at}
            height={140}
            say={whole}
            series={[
              { label: 'Opened', tone: 'accent', values: slots.opens },
              { label: 'Followed', tone: 'succeeded', values: slots.clicks },
            ]}
          />
          <details>
            <summary className="quiet small">As a table</summary>
            <table className="changed">
              <caption>For the first time each; spans in which nobody came are left out</caption>
              <thead>
                <tr>
                  <th scope="col">From</th>
                  <th scope="col">Opened</th>
                  <th scope="col">Followed a link</th>
                </tr>
              </thead>
              <tbody>
                {course.map((one) => (
                  <tr key={one.at}>
                    <th scope="row">
                      <When at={one.at} exact />
                    </th>
                    <td>{one.opens}</td>
                    <td>{one.clicks}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </details>
        </div>
      )}
      {links.length > 0 && (
        <table className="changed links">
          <caption className="sr-only">Links, the most followed first</caption>
          <tbody>
            {links.map((one) => (
              <tr key={one.url}>
                <th scope="row">{one.url}</th>
                <td>{one.clicked}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
