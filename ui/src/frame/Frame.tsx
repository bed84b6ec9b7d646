// What stays: the rail at the left, the page beside it, the palette over both.
import { Menu, Tooltip, UnstyledButton, useMantineColorScheme } from '@mantine/core';
import { Component, type ReactNode, Suspense, useMemo, useState } from 'react';
import { Link, Redirect, Route, Switch, useLocation } from 'wouter';
import { remove } from '@/api/client';
import { useConnection } from '@/api/live';
import { pages } from '@/pages';
import { EmptyState } from '@/parts/EmptyState';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { type Command, Palette } from './Palette';
import { icons } from './icons';
import { may, type Session, SessionContext } from './session';
import { useShortcuts } from './shortcuts';
import { TopLine } from './TopLine';

export function Frame({ session }: { session: Session }) {
  const [isPaletteOpen, setPaletteOpen] = useState(false);
  const [path, go] = useLocation();
  const { setColorScheme } = useMantineColorScheme();
  const rail = useMemo(() => pages.filter((one) => one.label && (!one.right || may(session.scopes, one.right))), [session]);
  const commands = useMemo<Command[]>(() => {
    const signOut = async () => {
      await remove('/api/v1/session');
      // All of the page goes, and with it whatever it had read.
      location.assign('/');
    };
    return [
      ...rail.map((one) => ({ id: one.path, label: `Go to ${one.label}`, hint: `g ${one.key ?? ''}`, run: () => go(one.path) })),
      { id: 'light', label: 'Theme: light', run: () => setColorScheme('light') },
      { id: 'dark', label: 'Theme: dark', run: () => setColorScheme('dark') },
      { id: 'auto', label: 'Theme: as the system', run: () => setColorScheme('auto') },
      { id: 'out', label: 'Sign out', run: () => void signOut() },
    ];
  }, [rail, go, setColorScheme]);
  const shortcuts = useMemo(
    () => ({
      'mod+k': () => setPaletteOpen(true),
      '/': () => document.querySelector<HTMLInputElement>('[data-search]')?.focus(),
      ...Object.fromEntries(rail.map((one) => [`g ${one.key ?? one.path}`, () => go(one.path)])),
    }),
    [rail, go],
  );
  useShortcuts(shortcuts);
  return (
    <SessionContext.Provider value={session}>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <div className="frame">
        <nav className="rail" aria-label="Pages">
          <Link href="/workflows" className="rail-sign" aria-label="thendo">
            <img src="/favicon.svg" alt="" width={28} height={28} />
          </Link>
          {rail.map((one) => (
            <Tooltip key={one.path} label={one.label} position="right" openDelay={200}>
              <Link
                href={one.path}
                className="rail-item"
                aria-label={one.label}
                aria-current={path.startsWith(one.path) ? 'page' : undefined}
              >
                {icons[one.icon ?? 'workflows']}
              </Link>
            </Tooltip>
          ))}
          <div className="grow" />
          <Connection />
          <Tooltip label="Go to, or do… (⌘K)" position="right" openDelay={200}>
            <UnstyledButton className="rail-item" aria-label="Command palette" onClick={() => setPaletteOpen(true)}>
              {icons.search}
            </UnstyledButton>
          </Tooltip>
          <Theme />
        </nav>
        <main id="main" className="main" tabIndex={-1} key={path.split('/')[1]}>
          <Fence key={path}>
            <Suspense
              fallback={
                <div className="page">
                  <Skeletons />
                </div>
              }
            >
              <Switch>
                <Route path="/">
                  <Redirect to="/workflows" replace />
                </Route>
                {pages.map((one) => (
                  <Route key={one.path} path={one.path} component={one.page} />
                ))}
                <Route>
                  <TopLine title="Not here" />
                  <EmptyState title="There is no such page">
                    <Link className="link" href="/workflows">
                      All workflows
                    </Link>
                  </EmptyState>
                </Route>
              </Switch>
            </Suspense>
          </Fence>
        </main>
      </div>
      <Palette isOpen={isPaletteOpen} close={() => setPaletteOpen(false)} commands={commands} />
    </SessionContext.Provider>
  );
}

function Connection() {
  const isLive = useConnection((state) => state.isLive);
  const words = isLive ? 'Live: what changes is shown at once' : 'Not live: the daemon is not heard right now';
  return (
    <Tooltip label={words} position="right">
      <span className={`connection ${isLive ? 'is-live' : ''}`} role="img" aria-label={words} />
    </Tooltip>
  );
}

function Theme() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu position="right-end" shadow="none">
      <Menu.Target>
        <UnstyledButton className="rail-item" aria-label="Theme">
          {icons.theme}
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown className="floating">
        {(['light', 'dark', 'auto'] as const).map((one) => (
          <Menu.Item
            key={one}
            onClick={() => setColorScheme(one)}
            aria-checked={colorScheme === one}
            role="menuitemradio"
            rightSection={colorScheme === one ? '✓' : null}
          >
            {{ light: 'Light', dark: 'Dark', auto: 'As the system' }[one]}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** A page that breaks leaves the others. */
class Fence extends Component<{ children: ReactNode }, { fault?: unknown }> {
  override state: { fault?: unknown } = {};

  static getDerivedStateFromError(fault: unknown) {
    return { fault };
  }

  override render() {
    if (this.state.fault === undefined) return this.props.children;
    const said = this.state.fault instanceof Error ? this.state.fault.message : String(this.state.fault);
    return (
      <div className="page">
        <ProblemNote
          fault={{
            code: 'broken-page',
            detail: `This page broke: ${said}`,
            help: 'Load it anew. After an update of the daemon that is enough.',
          }}
          retry={() => location.reload()}
        />
      </div>
    );
  }
}
