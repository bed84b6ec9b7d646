// How the last executions ended: one bar each, the newest at the right. Failures are taller, and cut.
import { toneOf } from './Status';

const WIDTH = 4;

export function Sparkline({ last, most = 20 }: { last: readonly string[]; most?: number }) {
  const shown = last.slice(0, most).reverse();
  const count = (tone: string) => shown.filter((status) => toneOf(status) === tone).length;
  const words =
    shown.length === 0
      ? 'no executions yet'
      : `last ${shown.length}: ${count('succeeded')} succeeded, ${count('failed')} failed, ${count('waiting')} waiting`;
  return (
    <svg className="sparkline" width={most * WIDTH} height={16} role="img" aria-label={words}>
      <title>{words}</title>
      {Array.from({ length: most }, (_, at) => {
        const status = shown[at - (most - shown.length)];
        const tone = status === undefined ? 'none' : toneOf(status);
        const height = { succeeded: 9, waiting: 6, failed: 15, skipped: 4, none: 2 }[tone] ?? 4;
        return <rect key={at} className={`bar is-${tone}`} x={at * WIDTH} y={16 - height} width={WIDTH - 1} height={height} rx={1} />;
      })}
    </svg>
  );
}
