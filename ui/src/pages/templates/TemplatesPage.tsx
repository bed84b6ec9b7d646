// The stored mails that workflows and campaigns send.
import { Button, Popover, TextInput } from '@mantine/core';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { get, post } from '@/api/client';
import { keys } from '@/api/keys';
import { useMay } from '@/frame/session';
import { TopLine } from '@/frame/TopLine';
import { DataList } from '@/parts/DataList';
import { EmptyState } from '@/parts/EmptyState';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { Status } from '@/parts/Status';
import { When } from '@/parts/When';
import './templates.css';

/** What a new one says. It is not active, so that nobody is sent it before somebody has looked. */
const BEGINNING = {
  subject: 'Hello {{ customer.name }}',
  html: '<h1>Hello {{ customer.name }}</h1>\n<p>Say here what you want to say.</p>\n',
  is_active: false,
};

export default function TemplatesPage() {
  const [typed, setTyped] = useState('');
  const may = useMay('author');
  const found = useInfiniteQuery({
    queryKey: keys.templates,
    queryFn: ({ pageParam }) => get('/api/v1/templates', { params: { query: { limit: 200, cursor: pageParam } } }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
  });
  const all = found.data?.pages.flatMap((page) => page.items) ?? [];
  const wanted = typed.toLowerCase();
  const rows = all.filter((one) => one.name.toLowerCase().includes(wanted) || one.subject.toLowerCase().includes(wanted));
  return (
    <>
      <TopLine title="Templates">{may && <NewTemplate />}</TopLine>
      <div className="filters">
        <label className="field grow">
          <span className="sr-only">Search templates</span>
          <input data-search type="search" placeholder="Search" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
          <kbd>/</kbd>
        </label>
      </div>
      {found.error && !found.data ? (
        <div className="page">
          <ProblemNote fault={found.error} retry={() => found.refetch()} />
        </div>
      ) : !found.data ? (
        <div className="page">
          <Skeletons />
        </div>
      ) : all.length === 0 ? (
        <EmptyState title="No mail is written yet">
          A template is a mail with gaps: <code>{'{{ customer.name }}'}</code> becomes the customer’s name. Workflows and campaigns send
          them by their name.
        </EmptyState>
      ) : rows.length === 0 ? (
        <EmptyState title="None is like that">Try another word.</EmptyState>
      ) : (
        <DataList
          label="Templates"
          items={rows}
          keyOf={(one) => one.id}
          to={(one) => `/templates/${one.id}`}
          height={60}
          more={{ has: found.hasNextPage, isLoading: found.isFetchingNextPage, load: () => void found.fetchNextPage() }}
        >
          {(one) => (
            <div className="template-row">
              <div className="truncate">
                <div className="truncate template-name">{one.name}</div>
                <div className="quiet small truncate">{one.subject}</div>
              </div>
              <span className="template-consent">
                <span className="pill">{one.consent === 'transactional' ? 'Part of what was bought' : 'Marketing'}</span>
              </span>
              <Status status={one.is_active ? 'ready' : 'off'} label={one.is_active ? 'active' : 'not active'} />
              <span className="quiet small template-when">
                <When at={one.updated_at} />
              </span>
            </div>
          )}
        </DataList>
      )}
    </>
  );
}

function NewTemplate() {
  const [isOpen, setOpen] = useState(false);
  const [name, setName] = useState('');
  const [fault, setFault] = useState<unknown>();
  const [, go] = useLocation();
  const client = useQueryClient();
  const make = async () => {
    try {
      const made = await post('/api/v1/templates', { body: { ...BEGINNING, name: name.trim() } as never });
      await client.invalidateQueries({ queryKey: keys.templates });
      go(`/templates/${made.id}`);
    } catch (problem) {
      setFault(problem);
    }
  };
  return (
    <Popover opened={isOpen} onChange={setOpen} width={320} position="bottom-end" trapFocus returnFocus shadow="none" withinPortal>
      <Popover.Target>
        <Button onClick={() => setOpen(!isOpen)}>New template</Button>
      </Popover.Target>
      <Popover.Dropdown className="floating" aria-label="New template">
        <form
          className="stack tight"
          onSubmit={(event) => {
            event.preventDefault();
            void make();
          }}
        >
          <TextInput
            data-autofocus
            label="Name"
            description="Workflows and campaigns name it by that"
            value={name}
            maxLength={200}
            onChange={(event) => {
              setName(event.currentTarget.value);
              setFault(undefined);
            }}
          />
          {fault !== undefined && <ProblemNote fault={fault} />}
          <div className="row end">
            <Button type="submit" disabled={!name.trim()}>
              Write it
            </Button>
          </div>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
