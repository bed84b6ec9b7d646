// What is not there yet, in the shape it will have; only after 200 ms, for most comes sooner.
import { useEffect, useState } from 'react';

export function useLate(ms = 200) {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), ms);
    return () => clearTimeout(timer);
  }, [ms]);
  return isLate;
}

export function Skeletons({ count = 6, height = 52 }: { count?: number; height?: number }) {
  const isLate = useLate();
  return (
    <div aria-busy="true" aria-label="Being read" role="status" style={{ minHeight: count * height }}>
      {isLate &&
        Array.from({ length: count }, (_, at) => (
          <div key={at} className="skeleton" style={{ height: height - 12, opacity: 1 - at / (count + 2) }} />
        ))}
    </div>
  );
}
