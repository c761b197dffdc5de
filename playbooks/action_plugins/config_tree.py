"""Renders a role's templates/tree and hands all of it to the config_tree module in one go.

A template task costs three round trips; a service has up to fifteen files. A file's place under
``templates/tree`` is its place in the image, so a role's tree reads like the machine it makes.
Names ending in ``.j2`` are rendered (the ending goes), others are copied as they are.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core before 2.19 trusts every string

    def trust_as_template(text):
        return text


class ActionModule(ActionBase):
    """Arguments are those of the module; ``files`` comes from the tree and the manifest."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        role = Path(self._task._role._role_path)
        tree = role / "templates" / "tree"
        search = [str(tree), str(role / "templates"), str(role.parent.parent / "templates")]
        args = dict(self._task.args)
        left_out = set(args.pop("leave_out", []))
        files = {}
        manifest = args.pop("manifest", None)
        if manifest:
            self._add_manifest(Path(manifest), role.parent.parent, files, args)
        for source in sorted(p for p in tree.rglob("*") if p.is_file()):
            target = "/" + str(source.relative_to(tree)).removesuffix(".j2")
            if target in left_out:
                continue
            text = source.read_text(encoding="utf-8")
            if source.suffix == ".j2":
                text = self._render(text, source, search, task_vars)
            files[target] = text
        if not files:
            raise AnsibleActionFail(f"{tree} has no files")
        result.update(
            self._execute_module(
                module_name="config_tree", module_args=args | {"files": files}, task_vars=task_vars
            )
        )
        return result

    @staticmethod
    def _add_manifest(manifest, playbooks, files, args):
        """Adds to ``files`` and ``args`` what a manifest (see the module) lists."""
        listed = yaml.safe_load(manifest.read_text(encoding="utf-8"))
        rooms = {True: playbooks.parent, False: manifest.parent}
        rules = args["rules"] = list(args.get("rules", []))
        for row in listed["files"]:
            source = rooms[row["source"].startswith("cloud-init/")] / row["source"]
            files[row["target"]] = source.read_text(encoding="utf-8")
            rules.append({"path": row["target"], "mode": row["mode"]})
        own, shared = listed["python"], listed["shared"]
        for room, code, patterns in (
            (manifest.parent, own, [own["source"]]),
            (manifest.parent.parent, shared, shared["sources"]),
        ):
            for source in sorted(path for pattern in patterns for path in room.glob(pattern)):
                place = f"{code['target']}/{source.relative_to(room)}"
                files[place] = source.read_text(encoding="utf-8")
            rules.append({"path": f"{code['target']}/*", "mode": code["mode"]})
        folders = {row["path"]: {"mode": row["mode"]} for row in listed["folders"]}
        args["folders"] = folders | dict(args.get("folders", {}))

    def _render(self, text, source, search, task_vars):
        data = task_vars | {"ansible_search_path": search, "template_path": str(source)}
        templar = self._templar.copy_with_new_env(searchpath=search, available_variables=data)
        rendered = templar.template(
            trust_as_template(text), preserve_trailing_newlines=True, convert_data=False
        )
        return str(rendered)
