"""What alarms say about a clip, and how well that tells faulty clips from clean ones."""
