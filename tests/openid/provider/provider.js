// A real issuer on loopback: oidc-provider, with its own pages to sign in and out. Prints its address when it listens.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const { redirectUris, signOutUris, people, secret, host, port } = JSON.parse(process.argv[2]);
const claimsOf = (sub) => people[sub] ?? {};

const server = createServer();
server.listen(port, "127.0.0.1", () => {
  const issuer = `http://${host}:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "heartbeat",
        client_secret: secret,
        redirect_uris: redirectUris,
        post_logout_redirect_uris: signOutUris,
      },
    ],
    claims: {
      openid: ["sub"],
      email: ["email", "email_verified"],
      profile: ["name", "groups"],
    },
    cookies: { keys: ["a-key-of-this-test"] },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...claimsOf(sub) }) }),
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
    pkce: { required: () => true },
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
