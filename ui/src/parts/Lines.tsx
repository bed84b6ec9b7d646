// Lines over time, in the colours of tokens.css. What they show has to be told in words as well, by whoever draws them.
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { ownZone, useZone } from './time';

export interface Series {
  label: string;
  tone: 'accent' | 'succeeded' | 'waiting' | 'failed';
  values: readonly (number | null)[];
}
export interface LinesProps {
  at: readonly number[];
  series: readonly Series[];
  say: (value: number) => string;
  height: number;
  areBars?: boolean;
  /** So many seconds are shown, to the last; without it all there are. */ lastS?: number;
}

const TOKENS = { accent: '--accent', succeeded: '--succeeded-mark', waiting: '--waiting-mark', failed: '--failed-mark' } as const;

/** From so long on, days are told instead of times. */
const LONG_S = 172_800;
const lasts = (plot: uPlot) => (plot.scales.x?.max ?? 0) - (plot.scales.x?.min ?? 0);

export function Lines({ at, series, say, height, areBars = false, lastS }: LinesProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const scheme = useComputedColorScheme();
  const zone = useZone((state) => state.zone);
  const shape = series.map((one) => `${one.label} ${one.tone}`).join('|');
  const data = [
    [...at],
    ...series.map((one) => one.values.map((value) => (value !== null && Number.isFinite(value) ? value : null))),
  ] as uPlot.AlignedData;
  const latest = useRef({ data, say });
  latest.current = { data, say };
  useEffect(() => {
    const element = box.current;
    // Where there is no canvas (in tests) the words have to do.
    if (!element || !document.createElement('canvas').getContext?.('2d')) return;
    const colour = (name: string) => getComputedStyle(element).getPropertyValue(name).trim();
    const timeZone = zone ?? ownZone();
    const times = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone });
    const dates = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone });
    const bars = areBars ? uPlot.paths.bars?.({ size: [0.7, 14], radius: 0.2 }) : undefined;
    const axis = {
      stroke: colour('--quiet'),
      font: `11px ${getComputedStyle(element).fontFamily}`,
      ticks: { show: false },
      grid: { stroke: colour('--line'), width: 1 },
    };
    const made = new uPlot(
      {
        width: Math.max(80, element.clientWidth),
        height,
        legend: { show: false },
        cursor: { show: false },
        padding: [8, 8, 0, 0],
        tzDate: (time) => uPlot.tzDate(new Date(time * 1000), timeZone),
        scales: {
          ...(lastS ? { x: { range: (_: uPlot, __: number, most: number): uPlot.Range.MinMax => [most - lastS, most] } } : {}),
          y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] },
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            size: 22,
            space: 90,
            values: (u, splits) => splits.map((split) => (lasts(u) > LONG_S ? dates : times).format(split * 1000)),
          },
          { ...axis, size: 52, space: 34, values: (_, splits) => splits.map((split) => latest.current.say(split)) },
        ],
        series: [
          {},
          ...series.map(
            (one) =>
              ({
                label: one.label,
                stroke: colour(TOKENS[one.tone]),
                width: 1.5,
                points: { show: false },
                fill: areBars ? colour(TOKENS[one.tone]) : undefined,
                ...(bars ? { paths: bars } : {}),
              }) as uPlot.Series,
          ),
        ],
      },
      latest.current.data,
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: Math.max(80, element.clientWidth), height }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = undefined;
    }; // Made anew only if its shape or its colours change: figures come below.
  }, [scheme, zone, shape, height, areBars, lastS]);
  useEffect(() => {
    plot.current?.setData(data);
  });
  return <div className="lines" ref={box} style={{ height }} aria-hidden="true" />;
}
