/**
 * Tells the server once which time zone the reader lives in, so that times are theirs on the next page. A page that
 * asks for times is loaded anew at once: what it holds was written in another zone than it would be read in.
 */

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const isKnown = () => document.cookie.split("; ").includes(`carrel_timezone=${zone}`);

if (zone && !isKnown()) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `carrel_timezone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
  if (isKnown() && document.querySelector("input[type=datetime-local]")) location.reload();
}
