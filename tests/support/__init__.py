"""What the end-to-end tests stand on: throw-away servers, millrace as a child, independent judges."""
