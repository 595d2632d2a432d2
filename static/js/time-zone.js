/** Tells the server once which time zone the reader lives in, so that times are theirs on the next page. */

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

if (zone && !document.cookie.split("; ").includes(`carrel_timezone=${zone}`)) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `carrel_timezone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
}
