/** Applications around films, music, books and pictures. */
import { type Application, presence, value } from './application.ts';

const apps = 'truenas/apps: ix-dev templates';
/** Folder of the users inside an image. */
const home = '/home';
const servarr = 'wiki.servarr.com: environment-variables of each application';

function servarrRow(name: string): Application {
  const image = name.toLowerCase();
  const upper = name.toUpperCase();
  return {
    name,
    images: [`*/${image}`],
    selectors: [
      {
        by: 'presence',
        names: [`${upper}__POSTGRES__HOST`],
        anyCase: true,
        means: 'postgres',
      },
      { by: 'file', path: '/config.xml', pattern: /<PostgresHost>\s*(\S+?)\s*<\/PostgresHost>/ },
    ],
    byDefault: 'sqlite',
    files: [`/config/${image}.db`],
    serverHint: `${upper}__POSTGRES__HOST with __PORT, __USER, __PASSWORD, __MAINDB, __LOGDB`,
    source: servarr,
  };
}

/** An application that keeps its data in SQLite and offers nothing else. */
function onlySqlite(
  name: string,
  images: readonly string[],
  file: string,
  fileVariables: readonly string[] = [],
): Application {
  return {
    name,
    images,
    selectors: [],
    byDefault: 'sqlite',
    files: [file],
    fileVariables,
    source: apps,
  };
}

export const mediaApplications: readonly Application[] = [
  servarrRow('Sonarr'),
  servarrRow('Radarr'),
  servarrRow('Lidarr'),
  servarrRow('Prowlarr'),
  servarrRow('Readarr'),
  servarrRow('Whisparr'),
  {
    name: 'Bazarr',
    images: ['*/bazarr'],
    selectors: [
      { by: 'value', names: ['POSTGRES_ENABLED'], words: { true: 'postgres', false: 'sqlite' } },
    ],
    byDefault: 'sqlite',
    files: ['/config/db/bazarr.db'],
    serverHint: 'POSTGRES_ENABLED=true with POSTGRES_HOST, _DATABASE, _USERNAME',
    source: 'wiki.bazarr.media',
  },
  {
    name: 'Jellyseerr',
    images: ['seerr-team/seerr', '*/jellyseerr', '*/seerr'],
    selectors: [value('DB_TYPE')],
    byDefault: 'sqlite',
    files: ['/app/config/db/db.sqlite3'],
    serverHint: 'DB_TYPE=postgres with DB_HOST, DB_USER, DB_NAME',
    source: `${apps}; foreseerr compose file ("default is sqlite")`,
  },
  onlySqlite('Overseerr', ['sctx/overseerr', '*/overseerr'], '/app/config/db/db.sqlite3'),
  onlySqlite('Jellyfin', ['*/jellyfin'], '/config/data/jellyfin.db'),
  onlySqlite('Plex', ['plexinc/pms-docker', '*/plex'], '/config/Library'),
  onlySqlite('Emby', ['emby/embyserver', '*/emby'], '/config/data'),
  onlySqlite('Tautulli', ['*/tautulli'], '/config/tautulli.db'),
  onlySqlite('Navidrome', ['*/navidrome'], '/data/navidrome.db', ['ND_DATAFOLDER']),
  onlySqlite('Audiobookshelf', ['*/audiobookshelf'], '/config/absdatabase.sqlite', ['CONFIG_PATH']),
  onlySqlite('Kavita', ['*/kavita'], '/kavita/config/kavita.db'),
  onlySqlite('Calibre-Web', ['*/calibre-web', '*/calibre-web-automated'], '/config/app.db'),
  onlySqlite('Komga', ['gotson/komga'], '/config/database.sqlite', ['KOMGA_DATABASE_FILE']),
  onlySqlite('Frigate', ['blakeblackshear/frigate'], '/config/frigate.db'),
  {
    name: 'Immich',
    images: ['immich-app/immich-server'],
    selectors: [presence('postgres', 'DB_URL', 'DB_HOSTNAME')],
    byDefault: 'postgres',
    files: [],
    serverHint: 'DB_HOSTNAME or DB_URL',
    source: 'immich documentation',
  },
  {
    name: 'Photoview',
    images: ['photoview/photoview'],
    selectors: [value('PHOTOVIEW_DATABASE_DRIVER')],
    byDefault: 'undecided',
    files: [`${home}/photoview/database/photoview.db`],
    fileVariables: ['PHOTOVIEW_SQLITE_PATH'],
    serverHint: 'PHOTOVIEW_DATABASE_DRIVER=postgres with PHOTOVIEW_POSTGRES_URL',
    source: apps,
  },
  {
    name: 'PiGallery2',
    images: ['bpatrik/pigallery2'],
    selectors: [value('Database-type')],
    byDefault: 'sqlite',
    files: ['/app/data/db/sqlite.db'],
    serverHint: 'Database-type=mysql',
    source: apps,
  },
];
