/** Backups as components. */
import type { Postgres } from '../applications/postgres.ts';
import { DumpSchedule } from '../backups/dump-schedule.ts';
import type { Database } from '../config/shelf/applications.ts';
import { diskPlace, type Ground } from './ground.ts';

/** The dumps of a database, unless its owner said why there are none. */
export function buildDumps(plan: Database, server: Postgres, ground: Ground): void {
  const { name, image, user, dumps } = plan;
  if ('skip' in dumps) return;
  new DumpSchedule(
    `dump-${name}`,
    {
      database: name,
      host: server.host,
      user,
      password: server.password,
      image,
      disk: diskPlace(dumps.disk),
      schedule: dumps.schedule,
      timeZone: dumps.timeZone,
      keep: dumps.keep,
      namespace: ground.system.namespaceName,
      server: server.server,
    },
    ground.apps,
  );
}
