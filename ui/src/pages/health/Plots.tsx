// The last minutes as lines, drawn as they come; the same in a table for who hears or copies.
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { create } from 'zustand';
import { problemOf } from '@/api/problem';
import { Panel } from '@/parts/Panel';
import { ProblemNote } from '@/parts/ProblemNote';
import { Lines, type Series } from '@/parts/Lines';
import { span } from '@/parts/time';
import { type Course, EMPTY, grown, type Moment, readMetrics, summary } from './course';

const EVERY_MS = 2000;
const SHOWN_S = 300;

/** Outlives the page, so that who comes back sees how it went. */
const useCourse = create<{ course: Course; add: (at: number, text: string) => void }>()((set) => ({
  course: EMPTY,
  add: (at, text) => set(({ course }) => ({ course: grown(course, at, readMetrics(text)) })),
}));

const number = (value: number) =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(value === Math.round(value) ? 0 : 2);
const seconds = (value: number) => span(value * 1000);

interface Plot {
  title: string;
  help: string;
  say: (value: number) => string;
  unit: string;
  series: { label: string; tone: Series['tone']; of: (moment: Moment) => number | null }[];
}
const PLOTS: Plot[] = [
  {
    title: 'Throughput',
    help: 'events, and executions that go on',
    unit: ' a second',
    say: number,
    series: [{ label: 'Throughput', tone: 'accent', of: (one) => one.throughput }],
  },
  {
    title: 'Ended',
    help: 'executions',
    unit: ' a second',
    say: number,
    series: [
      { label: 'Succeeded', tone: 'succeeded', of: (one) => one.succeeded },
      { label: 'Failed', tone: 'failed', of: (one) => one.failed },
    ],
  },
  {
    title: 'Latency',
    help: 'until an event is looked at, for 95 %',
    unit: '',
    say: seconds,
    series: [{ label: 'Latency', tone: 'accent', of: (one) => one.latency }],
  },
  {
    title: 'Lag',
    help: 'how long the oldest is due',
    unit: '',
    say: seconds,
    series: [{ label: 'Lag', tone: 'waiting', of: (one) => one.lag }],
  },
  { title: 'Queue', help: 'what is due', unit: '', say: number, series: [{ label: 'Queue', tone: 'accent', of: (one) => one.queue }] },
  {
    title: 'Deliveries',
    help: 'mails and requests on their way',
    unit: '',
    say: number,
    series: [{ label: 'Deliveries', tone: 'accent', of: (one) => one.deliveries }],
  },
];

export default function Plots({ daemons }: { daemons: number }) {
  const { course, add } = useCourse();
  const found = useQuery({
    queryKey: ['metrics'],
    refetchInterval: EVERY_MS,
    staleTime: 0,
    gcTime: 0,
    retry: false,
    queryFn: async () => {
      const answer = await fetch('/metrics');
      if (!answer.ok)
        throw problemOf(
          {
            code: 'no-metrics',
            detail: `The course of the figures can’t be read: /metrics answers ${answer.status}.`,
            help: 'A proxy before the daemon has to let it through.',
          },
          answer.status,
        );
      return { at: Date.now() / 1000, text: await answer.text() };
    },
  });
  useEffect(() => {
    if (found.data) add(found.data.at, found.data.text);
  }, [found.data, add]);
  if (found.error && course.moments.length === 0) return <ProblemNote fault={found.error} retry={() => found.refetch()} />;
  const at = course.moments.map((one) => one.at);
  return (
    <Panel
      title="The last five minutes"
      aside={
        <span className="quiet small">
          {daemons > 1 ? 'as this browser watched; the first three are those of the daemon that answers' : 'as this browser watched'}
        </span>
      }
      flush
    >
      <div className="plots">
        {PLOTS.map((plot) => {
          const lines = plot.series.map((one) => ({ label: one.label, tone: one.tone, values: course.moments.map(one.of) }));
          const told = summary(lines[0]?.values ?? []);
          return (
            <figure key={plot.title} className="plot">
              <figcaption>
                <div className="row">
                  <strong className="grow">{plot.title}</strong>
                  <span>{told?.now == null ? '–' : `${plot.say(told.now)}${plot.unit}`}</span>
                </div>
                <span className="quiet small">{plot.help}</span>
              </figcaption>
              <Lines at={at} series={lines} say={plot.say} height={96} lastS={SHOWN_S} />
            </figure>
          );
        })}
      </div>
      <details className="panel-body">
        <summary className="quiet small">As a table</summary>
        <AsTable moments={course.moments} />
      </details>
    </Panel>
  );
}

function AsTable({ moments }: { moments: readonly Moment[] }) {
  return (
    <table className="changed is-figures">
      <caption>What was watched, in figures</caption>
      <thead>
        <tr>
          <th scope="col">Figure</th>
          <th scope="col">Now</th>
          <th scope="col">Lowest</th>
          <th scope="col">Mean</th>
          <th scope="col">Highest</th>
        </tr>
      </thead>
      <tbody>
        {PLOTS.flatMap((plot) =>
          plot.series.map((one) => {
            const told = summary(moments.map(one.of));
            const say = (value: number | null | undefined) => (value == null ? '–' : `${plot.say(value)}${plot.unit}`);
            return (
              <tr key={one.label}>
                <th scope="row">{one.label}</th>
                <td>{say(told?.now)}</td>
                <td>{say(told?.least)}</td>
                <td>{say(told?.mean)}</td>
                <td>{say(told?.most)}</td>
              </tr>
            );
          }),
        )}
      </tbody>
    </table>
  );
}
