"""What every suite needs: processes on fixed processors, alternating rounds, tables."""
