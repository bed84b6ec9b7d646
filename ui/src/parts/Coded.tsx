// Words of the daemon's: what stands in backticks is code.
export function Coded({ children }: { children: string }) {
  return children.split('`').map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part));
}
