// A part of a page with a heading; and one that slides over it.
import { Drawer as MantineDrawer } from '@mantine/core';
import { type ReactNode, useId } from 'react';

export function Panel({
  title,
  aside,
  children,
  flush = false,
}: {
  title: string;
  aside?: ReactNode;
  children: ReactNode;
  flush?: boolean;
}) {
  const id = useId();
  return (
    <section className="panel" aria-labelledby={id}>
      <header className="row">
        <h2 id={id} className="grow">
          {title}
        </h2>
        {aside}
      </header>
      <div className={flush ? undefined : 'panel-body'}>{children}</div>
    </section>
  );
}

export function Drawer({ title, isOpen, close, children }: { title: string; isOpen: boolean; close: () => void; children: ReactNode }) {
  return (
    <MantineDrawer
      opened={isOpen}
      onClose={close}
      title={title}
      position="right"
      size={420}
      overlayProps={{ backgroundOpacity: 0.15 }}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {children}
    </MantineDrawer>
  );
}
