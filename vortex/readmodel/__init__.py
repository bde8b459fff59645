"""What people see: views built from what the engines report."""
