"""Tell whether a multi-tenant AI-agent platform really isolates each tenant's credentials.

The flow, module by module: `target` loads what is audited, `collect` reads the live systems into
`facts`, `decide` answers what those rules let through, the modules in `checks/` judge it case by case
into findings (`finding`, `check`), `audit` runs them into a `report`, and `render` writes that out.
"""

__version__ = "0.1.0"
