"""The provider `runpod`: pods of the cloud RunPod."""
