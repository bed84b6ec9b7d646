// Campaigns, the newest first, and how far each is.
import { Button, Popover, TextInput } from '@mantine/core';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { get, post, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { useMay } from '@/frame/session';
import { TopLine } from '@/frame/TopLine';
import { DataList } from '@/parts/DataList';
import { EmptyState } from '@/parts/EmptyState';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { Status } from '@/parts/Status';
import { When } from '@/parts/When';
import { Bar } from '../campaign/Bar';
import './campaigns.css';

export default function CampaignsPage() {
  const may = useMay('author');
  const found = useInfiniteQuery({
    queryKey: keys.campaigns,
    queryFn: ({ pageParam }) => get('/api/v1/campaigns', { params: { query: { limit: 50, cursor: pageParam } } }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
  });
  const rows = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <TopLine title="Campaigns">{may && <NewCampaign />}</TopLine>
      {found.error && !found.data ? (
        <div className="page">
          <ProblemNote fault={found.error} retry={() => found.refetch()} />
        </div>
      ) : !found.data ? (
        <div className="page">
          <Skeletons />
        </div>
      ) : rows.length === 0 ? (
        <EmptyState title="Nothing was sent to many yet">
          A campaign sends one mail to many: to customers, subscribers, or those on a waitlist. Begin one; nobody is mailed before you have
          seen how many it goes to.
        </EmptyState>
      ) : (
        <DataList
          label="Campaigns"
          items={rows}
          keyOf={(one) => one.id}
          to={(one) => `/campaigns/${one.id}`}
          height={60}
          more={{ has: found.hasNextPage, isLoading: found.isFetchingNextPage, load: () => void found.fetchNextPage() }}
        >
          {(one) => <Row one={one} />}
        </DataList>
      )}
    </>
  );
}

function Row({ one }: { one: Schemas['Campaign'] }) {
  const isDraft = one.status === 'draft';
  return (
    <div className="campaign-row">
      {isDraft ? (
        <span>
          <span className="pill is-draft">Draft</span>
        </span>
      ) : (
        <Status status={one.status} />
      )}
      <div className="truncate campaign-name">{one.name}</div>
      <span className="campaign-far">
        {one.recipients > 0 && (
          <>
            <Bar of={one} />
            <span className="quiet small">
              {one.sent} of {one.recipients}
            </span>
          </>
        )}
      </span>
      <span className="quiet small campaign-when">
        <When at={one.started_at ?? one.scheduled_at ?? one.created_at} />
      </span>
    </div>
  );
}

function NewCampaign() {
  const [isOpen, setOpen] = useState(false);
  const [name, setName] = useState('');
  const [fault, setFault] = useState<unknown>();
  const [, go] = useLocation();
  const client = useQueryClient();
  const make = async () => {
    try {
      const made = await post('/api/v1/campaigns', { body: { name: name.trim(), audience: { from: 'customers' } } });
      await client.invalidateQueries({ queryKey: keys.campaigns });
      go(`/campaigns/${made.campaign.id}`);
    } catch (problem) {
      setFault(problem);
    }
  };
  return (
    <Popover opened={isOpen} onChange={setOpen} width={320} position="bottom-end" trapFocus returnFocus shadow="none" withinPortal>
      <Popover.Target>
        <Button onClick={() => setOpen(!isOpen)}>New campaign</Button>
      </Popover.Target>
      <Popover.Dropdown className="floating" aria-label="New campaign">
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
            description="Only you see it"
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
              Begin a draft
            </Button>
          </div>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
