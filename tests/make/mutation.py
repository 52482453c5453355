"""Small mistakes, each in one place of a file: what there is to make of it, as text for text."""

from __future__ import annotations

import ast
from dataclasses import dataclass

__all__ = ["Mutation", "mutations"]


@dataclass(frozen=True)
class Mutation:
    """One mistake in one file.

    Attributes:
        where: Name of the class and function that it is in.
        right: What is there.
        wrong: What takes its place.
        line: The line that it begins in.
        text: The whole file with the mistake.
    """

    where: str
    right: str
    wrong: str
    line: str
    text: str

    @property
    def name(self) -> str:
        """What was changed where, in one line that stays when lines move."""
        right, wrong = " ".join(self.right.split()), " ".join(self.wrong.split())
        place = "" if right.startswith(self.line) else f" | {self.line}"
        return f"{self.where}: {right} -> {wrong}{place}"


_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
}


def mutations(text: str) -> list[Mutation]:
    """Return every mistake that can be made in a file; messages and annotations are left alone."""
    finder = _Finder(text)
    finder.visit(ast.parse(text))
    return finder.found


class _Finder(ast.NodeVisitor):
    """Goes through a file, and notes what could be wrong in each place."""

    def __init__(self, text: str) -> None:
        self.text = text
        starts = [0]
        for line in text.encode().splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        self.starts = starts
        self.found: list[Mutation] = []
        self.names: list[str] = []

    # Where it is.

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Go on inside a class."""
        self._inside(node.name, [*node.body])

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Go on inside a function; its decorators and annotations are none of its deeds."""
        if any(ast.unparse(each) in ("overload", "abstractmethod") for each in node.decorator_list):
            return
        defaults = [each for each in (*node.args.defaults, *node.args.kw_defaults) if each]
        self._inside(node.name, [*defaults, *node.body])

    visit_AsyncFunctionDef = visit_FunctionDef

    def _inside(self, name: str, nodes: list[ast.AST]) -> None:
        self.names.append(name)
        for node in nodes:
            self.visit(node)
        self.names.pop()

    # What is never changed: what only people and type checkers read.

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Change the value, not the annotation."""
        if node.value is not None:
            self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        """Turn a condition round."""
        if ast.unparse(node.test) == "TYPE_CHECKING":
            return
        self._turn(node.test)
        self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave a message alone."""

    def visit_Raise(self, node: ast.Raise) -> None:
        """Forget to raise; what is said then is for people."""
        if self.names:
            self._note(node, "pass")

    # What may be wrong.

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """Turn a condition round."""
        self._turn(node.test)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """Compare otherwise."""
        if len(node.ops) == 1 and type(node.ops[0]) in _COMPARED:
            other = ast.Compare(node.left, [_COMPARED[type(node.ops[0])]()], node.comparators)
            self._note(node, f"({ast.unparse(other)})")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """Ask for one where all are needed, and for all where one is."""
        turned = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        self._note(node, f"({ast.unparse(ast.BoolOp(turned, node.values))})")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Count otherwise."""
        if type(node.op) in _COUNTED and not isinstance(node.right, ast.Constant | ast.JoinedStr):
            other = ast.BinOp(node.left, _COUNTED[type(node.op)](), node.right)
            self._note(node, f"({ast.unparse(other)})")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Take another truth or number."""
        if isinstance(node.value, bool):
            self._note(node, str(not node.value))
        elif isinstance(node.value, int):
            self._note(node, str(node.value + 1))

    def visit_Return(self, node: ast.Return) -> None:
        """Return nothing; to those who ask inside, that is no other answer than False."""
        given = ast.unparse(node.value) if node.value is not None else "None"
        if given != "None" and not (given == "False" and self.names[-1].startswith("_")):
            self._note(node, "return None")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        """Forget a call; a docstring stays."""
        if isinstance(node.value, ast.Constant):
            return
        if self.names:
            self._note(node, "pass")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Forget to keep something."""
        kept = isinstance(node.targets[0], ast.Attribute | ast.Subscript)
        if kept and self.names:
            self._note(node, "pass")
        if ast.unparse(node.targets[0]) not in ("__all__", "__slots__"):
            self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Forget to add something."""
        self._note(node, "pass")

    def visit_Call(self, node: ast.Call) -> None:
        """Leave the words of the log alone."""
        if not ast.unparse(node.func).startswith("logger."):
            self.generic_visit(node)

    def _turn(self, test: ast.expr) -> None:
        wrong = test.operand if isinstance(test, ast.UnaryOp) else ast.UnaryOp(ast.Not(), test)
        if not isinstance(test, ast.Compare):  # is compared otherwise anyway
            self._note(test, f"({ast.unparse(wrong)})")

    def _note(self, node: ast.expr | ast.stmt, wrong: str) -> None:
        data = self.text.encode()
        begin = self.starts[node.lineno - 1] + node.col_offset
        end = self.starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        right = data[begin:end].decode()
        text = (data[:begin] + wrong.encode() + data[end:]).decode()
        where = ".".join(self.names) or "module"
        line = self.text.splitlines()[node.lineno - 1].strip()
        self.found.append(Mutation(where, right, wrong, line, text))
