// A certified OpenID provider on a free loopback port. Reads its options as one line of JSON from standard input, tells
// its issuer as one line of JSON, and ends when its input does.
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import Provider from "oidc-provider";

const lines = createInterface({ input: process.stdin });
lines.on("close", () => process.exit(0));
const options = JSON.parse(await new Promise((resolve) => lines.once("line", resolve)));

const server = createServer((request, response) => handle(request, response));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

// Whoever signs in as `name` is that account; the name tells which claims it has.
function account(name) {
  return {
    accountId: name,
    async claims() {
      return {
        sub: name,
        email: `${name}@example.com`,
        email_verified: !name.startsWith("unverified"),
        name: `${name} Doe`,
        given_name: name,
        family_name: "Doe",
        groups: ["Wholesale"],
      };
    },
  };
}

const provider = new Provider(issuer, {
  clients: options.clients,
  claims: {
    openid: ["sub"],
    email: ["email", "email_verified"],
    profile: ["name", "given_name", "family_name", "groups"],
  },
  conformIdTokenClaims: options.conformIdTokenClaims ?? false,
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    backchannelLogout: { enabled: true },
  },
  findAccount: (_context, name) => account(name),
  rotateRefreshToken: true,
  issueRefreshToken: async (_context, client, code) =>
    client.grantTypeAllowed("refresh_token") && code.scopes.has("offline_access"),
  ttl: { AccessToken: options.accessTokenSeconds ?? 600, IdToken: 600, Session: 3600, Grant: 3600, Interaction: 600 },
  cookies: { keys: ["a key of the tests"] },
  // Its own dispatcher refuses loopback addresses, where the tests are.
  fetch: (url, { dispatcher: _, ...init }) => fetch(url, init),
  ...options.configuration,
});
const handle = provider.callback();
console.log(JSON.stringify({ issuer }));
