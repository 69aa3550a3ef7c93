// Hive Gateway before Commerce's own schema: a proxy, or a supergraph of the one subgraph (SUPERGRAPH names its file).
import { defineConfig } from '@graphql-hive/gateway';

export const gatewayConfig = defineConfig({
  ...(process.env.SUPERGRAPH
    ? { supergraph: process.env.SUPERGRAPH, polling: 0 }
    : { proxy: { endpoint: `${process.env.UPSTREAM}/graphql` }, schema: process.env.COMMERCE_SCHEMA, polling: 0 }),
  host: '127.0.0.1',
  port: Number(process.env.PORT),
  jit: Boolean(process.env.JIT),
  logging: 'error',
  cache: { type: 'localforage' },
  ...(process.env.CACHED ? { responseCaching: { session: () => null, ttl: 600_000 } } : {}),
});
