// An edge: a smooth step, its branch as a pill; wider and coloured where an execution went.
import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps, getSmoothStepPath } from '@xyflow/react';

export type PathEdge = Edge<
  { branch: string | null; taken?: boolean | undefined; tone?: string | undefined; change?: string | undefined },
  'branch'
>;

export function BranchEdge({
  id,
  sourceX,
  sourceY,
  targetX,
  targetY,
  sourcePosition,
  targetPosition,
  data,
  markerEnd,
}: EdgeProps<PathEdge>) {
  const [path, labelX, labelY] = getSmoothStepPath({
    sourceX,
    sourceY,
    targetX,
    targetY,
    sourcePosition,
    targetPosition,
    borderRadius: 12,
    offset: 8,
  });
  const state = data?.change
    ? ` is-${data.change}`
    : data?.taken === undefined
      ? ''
      : data.taken
        ? ` is-taken is-${data.tone ?? 'succeeded'}`
        : ' is-faded';
  return (
    <>
      <BaseEdge id={id} path={path} className={`edge${state}`} {...(markerEnd ? { markerEnd } : {})} />
      {data?.branch && (
        <EdgeLabelRenderer>
          <span className={`edge-label${state}`} style={{ transform: `translate(-50%, -50%) translate(${labelX}px, ${labelY}px)` }}>
            {data.branch}
          </span>
        </EdgeLabelRenderer>
      )}
    </>
  );
}
