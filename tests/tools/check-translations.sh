#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check-translations.sh ROOT: every language is complete for the texts that are in the sources now.
set -eu
root=$1
command -v xgettext >/dev/null && command -v msgmerge >/dev/null || { echo "gettext is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"
xgettext --from-code=UTF-8 --keyword=_ --keyword=N_ --keyword=C_:1c,2 --keyword=NC_:1c,2 --keyword=ngettext:1,2 --keyword=g_dngettext:2,3 \
  --flag=g_strdup_printf:1:c-format --files-from=po/POTFILES.in --output="$work/ternion.pot" 2>"$work/warnings" || { cat "$work/warnings"; exit 1; }
status=0
while read -r language; do
  msgmerge --quiet --no-fuzzy-matching "po/$language.po" "$work/ternion.pot" --output-file="$work/$language.po"
  msgfmt --check --statistics "$work/$language.po" --output-file=/dev/null 2>"$work/said" || status=1
  printf '%s: ' "$language"
  cat "$work/said"
  if grep -q untranslated "$work/said"; then
    msgattrib --untranslated --no-obsolete --no-wrap "$work/$language.po" | grep '^msgid "' | head -n 20
    status=1
  fi
done < po/LINGUAS
exit $status
