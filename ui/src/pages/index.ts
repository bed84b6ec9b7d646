// All pages, one line each: what has a `label` and an `icon` stands in the rail, in this order.
import { type ComponentType, type LazyExoticComponent, lazy } from 'react';
import type { IconName } from '@/frame/icons';

export interface Page {
  path: string;
  page: LazyExoticComponent<ComponentType>;
  label?: string;
  icon?: IconName;
  /** Who has one of these rights sees it. */
  right?: 'read' | 'author' | 'operate' | 'secrets' | 'admin';
  /** Typed after g: `g w`. */
  key?: string;
}

export const pages: Page[] = [
  { path: '/workflows', label: 'Workflows', icon: 'workflows', key: 'w', page: lazy(() => import('./workflows/WorkflowsPage')) },
  { path: '/workflows/:id', page: lazy(() => import('./workflow/WorkflowPage')) },
  { path: '/executions', label: 'Executions', icon: 'executions', key: 'e', page: lazy(() => import('./executions/ExecutionsPage')) },
  { path: '/executions/:id', page: lazy(() => import('./execution/ExecutionPage')) },
  { path: '/events', label: 'Events', icon: 'events', key: 'v', page: lazy(() => import('./events/EventsPage')) },
  { path: '/events/:id', page: lazy(() => import('./event/EventPage')) },
  { path: '/health', label: 'Health', icon: 'health', key: 'h', page: lazy(() => import('./health/HealthPage')) },
  { path: '/settings', label: 'Settings', icon: 'settings', key: 's', page: lazy(() => import('./settings/SettingsPage')) },
];
