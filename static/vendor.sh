#!/bin/sh
# Fills static/vendor from node_modules, which `npm ci` made from package-lock.json. `make vendor` runs both; commit the result.
set -eu

cd "$(dirname "$0")/.."
vendor=static/vendor
modules=node_modules
rm -rf "$vendor"
mkdir -p "$vendor/bootstrap" "$vendor/htmx" "$vendor/bootstrap-icons"

# Source maps are not shipped, so the comments that point to them go too.
sed '/sourceMappingURL=/d' "$modules/bootstrap/dist/css/bootstrap.min.css" > "$vendor/bootstrap/bootstrap.min.css"
sed '/sourceMappingURL=/d' "$modules/htmx.org/dist/htmx.min.js" > "$vendor/htmx/htmx.min.js"

# One sprite of the icons that static/icons/bootstrap-icons.txt names.
{
    echo '<svg xmlns="http://www.w3.org/2000/svg">'
    while read -r name; do
        echo "<symbol id=\"$name\" viewBox=\"0 0 16 16\">"
        sed -e '/^<svg/d' -e '/^<\/svg>/d' "$modules/bootstrap-icons/icons/$name.svg"
        echo '</symbol>'
    done < static/icons/bootstrap-icons.txt
    echo '</svg>'
} > "$vendor/bootstrap-icons/sprite.svg"

for package in bootstrap bootstrap-icons htmx.org; do
    cp "$modules/$package/LICENSE" "$vendor/${package%.org}/LICENSE"
    sed -n 's/^ *"version": "\(.*\)",*$/\1/p' "$modules/$package/package.json" > "$vendor/${package%.org}/VERSION"
done
